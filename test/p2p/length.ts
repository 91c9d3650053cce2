/** Tests of several daemons take half a minute each: `npm run test:peers` runs all, `npm test` the one that shows most. */
export const isShort = process.env.PEERS !== 'all' && 'npm run test:peers runs it';
