/* Prints sizes and offsets of the structs that cross into llama.cpp by value; compared with the binding's own. */
#include "ggml-backend.h"
#include "ggml-cpu.h"
#include "llama.h"
#include <stddef.h>
#include <stdio.h>

#define SIZE(type) printf("%s sizeof %zu\n", #type, sizeof(struct type))
#define FIELD(type, field) printf("%s %s %zu\n", #type, #field, offsetof(struct type, field))

int main(void) {
#include "struct-fields.h"
    return 0;
}
