/* Character sets, loaded while there are files to load them from. */
#ifndef GATEWAY_INSPECTOR_CHARACTERS_H
#define GATEWAY_INSPECTOR_CHARACTERS_H

void warm_characters(void);

#endif
