import { Refusal } from '../../kernel/refusal.ts';

/** The value of an input field that has nothing to clear. @throws Refusal BAD_USER_INPUT for null */
export function notNull<T>(name: string, value: T | null): T {
  if (value === null) throw new Refusal('BAD_USER_INPUT', `${name} cannot be null: leave it out to keep it as it is`);
  return value;
}
