import { useEffect, useState } from 'react';

const SETTLE_MS = 300;

/** The value once it has stayed for a moment, so that a server is not asked for each key that is typed. */
export function useSettled<T>(value: T): T {
  const [settled, settle] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => settle(value), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}
