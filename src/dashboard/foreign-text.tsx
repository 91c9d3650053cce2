import { visibleText } from './visible-text.ts';

export interface ForeignTextProps {
  readonly text: string;
  readonly class?: string;
}

/** What an agent wrote: safe to show, and of whatever direction without turning what stands beside it. */
export function ForeignText({ text, class: name }: ForeignTextProps) {
  return <bdi class={name}>{visibleText(text)}</bdi>;
}
