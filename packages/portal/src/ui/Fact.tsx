import type { ReactNode } from 'react';

/** One line of a `<dl className="facts">`: its name, and what it is. */
export function Fact({ name, children }: { readonly name: ReactNode; readonly children: ReactNode }): ReactNode {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
