// The other library of a cycle: its constructor runs first.
void early(void);
void early_other(void) {}
__attribute__((constructor)) static void begin(void) { early(); }
