/** Who makes the vectors, as the settings and the environment say; opened by the first text. */
import { chooseEmbeddings, type EmbeddingSettings, type Environment } from './choose-embeddings.ts';
import { offlineModel } from './embedding-provider.ts';
import type { VectorStoreOptions } from './vector-store.ts';

/** Never throws: with settings that cannot be followed the search goes by words, and says why. */
export function planEmbeddings(
  settings: EmbeddingSettings,
  env: Environment,
): Pick<VectorStoreOptions, 'model' | 'open'> {
  try {
    const choice = chooseEmbeddings(settings, env);
    switch (choice.kind) {
      case 'none':
        return { model: null, open: undefined };
      case 'offline':
        return {
          model: `offline ${offlineModel}`,
          // Its code and weights are loaded by the first who needs them.
          open: async () => (await import('./sentence-encoder.ts')).openSentenceEncoder(),
        };
      case 'service':
        return {
          model: `${choice.service} ${choice.model}`,
          open: async () => new (await import('./http-embeddings.ts')).HttpEmbeddings(choice),
        };
    }
  } catch (error) {
    return { model: settings.provider, open: () => Promise.reject(error) };
  }
}
