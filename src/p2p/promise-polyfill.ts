/**
 * `Promise.withResolvers`, which libp2p calls and Node 20 lacks. Imported before libp2p. Goes when the engines floor rises to 22.
 */
interface Resolvers {
  promise: Promise<unknown>;
  resolve: (value: unknown) => void;
  reject: (reason?: unknown) => void;
}

const target = Promise as unknown as { withResolvers?: () => Resolvers };
target.withResolvers ??= () => {
  const made: Partial<Resolvers> = {};
  made.promise = new Promise((resolve, reject) => {
    made.resolve = resolve;
    made.reject = reject;
  });
  return made as Resolvers;
};
