// How the pages are built. No plugin: Vite itself turns JSX into Preact calls.
import { defineConfig } from 'vite'

export default defineConfig({
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    target: ['chrome109', 'firefox115', 'safari16'],
    assetsDir: 'assets',
    // The content policy forbids data: scripts, and a hashed file is cached for ever.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  worker: { format: 'es' },
  server: {
    proxy: { '/api': { target: process.env['NAVBAT_SERVER'] ?? 'http://127.0.0.1:8080' } },
  },
})
