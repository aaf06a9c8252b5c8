// Starts a thread that calls switcher_run before main, if ADOPTERS_SWITCH is in the environment.
#ifndef SWITCH_STARTER_H
#define SWITCH_STARTER_H
#endif
