import { Component, type ComponentChildren } from 'preact';
import { ForeignText } from './foreign-text.tsx';

interface Props {
  readonly children: ComponentChildren;
}

/** A defect of the page is told, instead of leaving an empty one or, worse, a picture that does not change any more. */
export class FailureBoundary extends Component<Props, { readonly message?: string }> {
  static override getDerivedStateFromError(error: unknown) {
    return { message: String(error) };
  }

  override render({ children }: Props) {
    const { message } = this.state;
    if (message === undefined) return children;
    return (
      <div class="banner banner-bad" role="alert">
        <strong>This page failed, by a defect of it.</strong> Reload it; <code>agent-collab status</code>{' '}
        shows the same in a terminal. Please report: <ForeignText text={message} />
      </div>
    );
  }
}
