/** The only reader of the system's time. Everything else is told what time it is. */
export function now(): Date {
  return new Date();
}
