/**
 * The modules of other packages that the dashboard's page imports: the specifier, and the name below `/dashboard/lib/` that
 * the import map of src/dashboard/index.html gives it. Each is one file that imports only others of this table.
 */
export const dashboardLibraries: Readonly<Record<string, string>> = Object.freeze({
  preact: 'preact.js',
  'preact/hooks': 'preact-hooks.js',
  'preact/jsx-runtime': 'preact-jsx-runtime.js',
  '@dagrejs/dagre': 'dagre.js',
});
