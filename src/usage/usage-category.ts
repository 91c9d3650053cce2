/** In a file of its own: the table of operations needs the names and nothing else of usage/. */
export const usageCategories = ['embedding', 'sync', 'negotiation', 'query', 'other'] as const;
export type UsageCategory = (typeof usageCategories)[number];
