/**
 * An error that whoever runs a command can mend. Its message says in one line what is wrong and what helps, so commands
 * print the message alone, without a stack.
 */
export class MendableError extends Error {
  override readonly name: string = 'MendableError';
}
