// libfdt's header includes it, and uses nothing of it.
