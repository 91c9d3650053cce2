/** Tests of several daemons take half a minute each, and more on a loaded machine: `npm run test:peers` runs them. */
export const isShort = process.env.PEERS !== 'all' && 'npm run test:peers runs it';
