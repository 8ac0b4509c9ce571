/** The script's side of `script.ts`: answers what the bench asks. */

export type Question = { number: number; name: string; argument: unknown };
export type Answer = { number: number; value: unknown } | { number: number; error: string };

/** Answers questions by name, side by side, until the bench goes away. An error goes back as its stack. */
export function answerQuestions(handlers: Record<string, (argument: never) => unknown>): void {
  process.on('message', async (message) => {
    const { number, name, argument } = message as Question;
    let answer: Answer;
    try {
      const handler = handlers[name];
      if (!handler) throw new Error(`nobody answers "${name}"`);
      answer = { number, value: await handler(argument as never) };
    } catch (error) {
      answer = { number, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
    process.send?.(answer);
  });
  process.on('disconnect', () => process.exit());
}
