import { useRef } from 'react';

/**
 * Gives the idempotency key of an effect, which is what is sent, in one text. What is sent again because its answer was lost
 * has the same key and takes effect once; what was changed before it was sent again is another effect.
 */
export function useEffectKey(): (effect: string) => string {
  const last = useRef({ effect: '', key: '' });
  return (effect) => {
    if (last.current.effect !== effect) last.current = { effect, key: `portal:${crypto.randomUUID()}` };
    return last.current.key;
  };
}
