import { render } from 'preact';
import { Dashboard } from './dashboard.tsx';

const root = document.getElementById('dashboard');
if (root === null) throw new Error('index.html has no place for the dashboard');
root.replaceChildren();
render(<Dashboard />, root);
