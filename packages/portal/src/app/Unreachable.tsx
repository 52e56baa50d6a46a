import type { ReactNode } from 'react';
import { text } from '../text.ts';

/** Before anybody is signed in: the server could not be asked who it is. */
export function Unreachable(): ReactNode {
  return (
    <main className="lonely">
      <h1>{text.errors.down}</h1>
      <p>{text.errors.downHint}</p>
      <button type="button" className="button button-primary" onClick={() => location.reload()}>
        {text.tryAgain}
      </button>
    </main>
  );
}
