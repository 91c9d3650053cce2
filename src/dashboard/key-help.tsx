import { useEffect, useRef } from 'preact/hooks';

const keys: readonly (readonly [key: string, what: string])[] = [
  ['/', 'go to the filter'],
  ['Esc', 'in the filter: clear it'],
  ['p', 'pause, and go on'],
  ['?', 'show these keys'],
  ['Tab', 'to the next control, list or heading of a column'],
  ['↑ ↓', 'scroll the list that has the focus'],
];

export interface KeyHelpProps {
  readonly isOpen: boolean;
  readonly areKeysOn: boolean;
  onClose(): void;
  onSwitch(areOn: boolean): void;
}

export function KeyHelp({ isOpen, areKeysOn, onClose, onSwitch }: KeyHelpProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (isOpen) dialog.current?.showModal();
    else dialog.current?.close();
  }, [isOpen]);
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="keys-title" onClose={onClose}>
      <h2 id="keys-title">Keys</h2>
      <dl class="keys">
        {keys.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <label class="check">
        <input
          type="checkbox"
          checked={areKeysOn}
          onChange={(event) => onSwitch(event.currentTarget.checked)}
        />
        single keys are on
      </label>
      <button type="button" class="button" onClick={() => dialog.current?.close()}>
        Close
      </button>
    </dialog>
  );
}
