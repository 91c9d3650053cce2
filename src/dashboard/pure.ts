import { Component, type ComponentChildren, type ComponentType, createElement } from 'preact';

/** A component that is drawn again only when one of its properties is another object: a row of a long list. */
export function pure<P extends object>(draw: (props: P) => ComponentChildren): ComponentType<P> {
  return class Pure extends Component<P> {
    override shouldComponentUpdate(next: P): boolean {
      return differs(this.props, next);
    }

    override render(): ComponentChildren {
      return createElement(draw, this.props);
    }
  };
}

function differs(one: object, other: object): boolean {
  const names = Object.keys(other) as (keyof typeof other)[];
  return names.length !== Object.keys(one).length || names.some((name) => !Object.is(one[name], other[name]));
}
