/** The modules that the dashboard's page imports by name: each as its package ships it, and the name it is served under. */
export const dashboardLibraries: Readonly<Record<string, string>> = {
  preact: 'preact.js',
  'preact/hooks': 'preact-hooks.js',
  'preact/jsx-runtime': 'preact-jsx-runtime.js',
  '@dagrejs/dagre': 'dagre.js',
};
