/** The theme: light, dark, or that of the system. The choice is kept in this browser. */

export type Theme = 'system' | 'light' | 'dark';

const name = 'punctual-theme';

export function storedTheme(): Theme {
  const stored = window.localStorage.getItem(name);
  return stored === 'light' || stored === 'dark' ? stored : 'system';
}

export function storeTheme(theme: Theme): void {
  if (theme === 'system') window.localStorage.removeItem(name);
  else window.localStorage.setItem(name, theme);
  applyTheme(theme);
}

const prefersDark = window.matchMedia('(prefers-color-scheme: dark)');
prefersDark.addEventListener('change', () => applyTheme(storedTheme()));

export function applyTheme(theme: Theme): void {
  const isDark = theme === 'dark' || (theme === 'system' && prefersDark.matches);
  document.documentElement.dataset.theme = isDark ? 'dark' : 'light';
}
