; Zig. A type is a constant whose value is a container (struct, enum, union or opaque).
; No node is captured as @attached.

(comment) @comment

; Functions; those of a container are methods. An extern function has no body.
(function_declaration name: (identifier) @name body: (_)? @body) @definition.function
(struct_declaration (function_declaration name: (identifier) @name body: (_)? @body) @definition.method)
(union_declaration (function_declaration name: (identifier) @name body: (_)? @body) @definition.method)
(enum_declaration (function_declaration name: (identifier) @name body: (_)? @body) @definition.method)
(opaque_declaration (function_declaration name: (identifier) @name body: (_)? @body) @definition.method)

; Variables and constants of a file or a container. Calls of `@import`, `@This` and other
; builtins, and `a.b` without a type, are aliases and are not captured.
(source_file (variable_declaration "const" . (identifier) @name "=" . [
  (integer) (float) (string) (multiline_string) (character) (boolean) (identifier) (builtin_type)
  (call_expression) (binary_expression) (unary_expression) (parenthesized_expression)
  (struct_initializer) (anonymous_struct_initializer) (index_expression) (if_expression)
  (switch_expression) (block_expression) (labeled_statement) (comptime_expression) (try_expression)
  (catch_expression) (pointer_type) (slice_type) (array_type) (nullable_type) (error_union_type)
  (function_signature)]) @definition.constant)
(source_file (variable_declaration "const" . (identifier) @name type: (_)) @definition.constant)
(source_file (variable_declaration "var" . (identifier) @name) @definition.variable)
(struct_declaration (variable_declaration "const" . (identifier) @name "=" . [
  (integer) (float) (string) (multiline_string) (character) (boolean)
  (call_expression) (binary_expression) (unary_expression) (parenthesized_expression)
  (struct_initializer) (anonymous_struct_initializer)
  (switch_expression) (block_expression) (labeled_statement) (comptime_expression)]) @definition.constant)
(struct_declaration (variable_declaration "const" . (identifier) @name type: (_)) @definition.constant)
(struct_declaration (variable_declaration "var" . (identifier) @name) @definition.variable)

; Types, at any depth. These patterns come after those of constants, because the last
; one decides the kind. The body begins at the brace: `packed struct(u8)` is part of
; the signature.
(variable_declaration . (identifier) @name (struct_declaration "{" @body)) @definition.struct
(variable_declaration . (identifier) @name (opaque_declaration "{" @body)) @definition.struct
(variable_declaration . (identifier) @name (union_declaration "{" @body)) @definition.union
(variable_declaration . (identifier) @name (enum_declaration "{" @body)) @definition.enum
(variable_declaration . (identifier) @name (error_set_declaration "{" @body)) @definition.enum

; Tests. `test {}` has no name.
(test_declaration [(string (string_content) @name) (identifier) @name] (block) @body) @definition.test
