/* Libraries load tables, rules and fonts when they are first used; here that is in time. */
#ifndef GATEWAY_INSPECTOR_WARM_H
#define GATEWAY_INSPECTOR_WARM_H

void warm_steps(void);     /* what the examiner needs */
void warm_libraries(void); /* and the renderer */

#endif
