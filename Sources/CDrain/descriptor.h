// Descriptors that are ours.

#ifndef DRAIN_CORE_DESCRIPTOR_H
#define DRAIN_CORE_DESCRIPTOR_H

// A host that runs without 0, 1 or 2 must not find a pipe of ours there, nor may the child's
// dup2 run over one. Moves it if need be. 0 or an errno value; then it is closed and -1.
int above_stdio(int *fd);

#endif
