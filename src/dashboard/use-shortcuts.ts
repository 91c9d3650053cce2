import { useEffect } from 'preact/hooks';

/** Single keys, and what they do. Not while something is typed, a choice is open or a dialog is shown. */
export function useShortcuts(areOn: boolean, actions: Readonly<Record<string, () => void>>): void {
  useEffect(() => {
    if (!areOn) return;
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      if (isTakingKeys(event.target) || document.querySelector('dialog[open]') !== null) return;
      const action = Object.hasOwn(actions, event.key) ? actions[event.key] : undefined;
      if (action === undefined) return;
      event.preventDefault();
      action();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  });
}

function isTakingKeys(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches('input, select, textarea, [contenteditable]');
}
