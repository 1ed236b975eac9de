; C. Declarators nest: `int *f(void)` is a pointer_declarator around a
; function_declarator. Queries cannot recurse, so each depth has a pattern.

(comment) @comment

; Functions: plain, `int (f)(int)`, `T *f()`, `T **f()`, and a function that
; returns a function pointer, `void (*f(int))(int)`.
(function_definition declarator: [
    (function_declarator declarator: [(identifier) @name (parenthesized_declarator (identifier) @name)])
    (_ (function_declarator declarator: [(identifier) @name (parenthesized_declarator (identifier) @name)]))
    (_ (_ (function_declarator declarator: (identifier) @name)))
    (_ (_ (_ (function_declarator declarator: (identifier) @name))))]
  body: (_) @body) @definition.function

; Prototypes, also inside function bodies, where they are rare.
(declaration declarator: [
    (function_declarator declarator: [(identifier) @name (parenthesized_declarator (identifier) @name)])
    (pointer_declarator (function_declarator declarator: (identifier) @name))
    (pointer_declarator (pointer_declarator (function_declarator declarator: (identifier) @name)))
    (function_declarator (parenthesized_declarator (pointer_declarator
      (function_declarator declarator: (identifier) @name))))]) @definition.function

; Types with a body. `struct x *p` uses a type and does not define one.
(struct_specifier name: (type_identifier) @name body: (_) @body) @definition.struct
(union_specifier name: (type_identifier) @name body: (_) @body) @definition.union
(enum_specifier name: (type_identifier) @name body: (_) @body) @definition.enum

; typedef, including arrays, pointers and function pointers.
(type_definition declarator: [
    (type_identifier) @name (primitive_type) @name
    (pointer_declarator declarator: (type_identifier) @name)
    (array_declarator declarator: (type_identifier) @name)
    (function_declarator declarator: (type_identifier) @name)
    (function_declarator declarator: (parenthesized_declarator (pointer_declarator declarator: (type_identifier) @name)))
    (pointer_declarator declarator: (function_declarator
      declarator: (parenthesized_declarator (pointer_declarator declarator: (type_identifier) @name))))]) @definition.type
; `typedef struct tag { … } name;` defines the tag and the name. Both cover the whole
; declaration; where only one definition is kept, it is the last pattern's, the name.
(type_definition type: (struct_specifier name: (_) @name body: (_) @body)) @definition.struct
(type_definition type: (union_specifier name: (_) @name body: (_) @body)) @definition.union
(type_definition type: (enum_specifier name: (_) @name body: (_) @body)) @definition.enum
(type_definition type: (struct_specifier body: (_) @body) declarator: (type_identifier) @name) @definition.struct
(type_definition type: (union_specifier body: (_) @body) declarator: (type_identifier) @name) @definition.union
(type_definition type: (enum_specifier body: (_) @body) declarator: (type_identifier) @name) @definition.enum

; Macros. One without a value is an include guard or a switch, not a constant.
(preproc_def name: (identifier) @name value: (_)) @definition.constant
(preproc_function_def name: (identifier) @name value: (_)? @body) @definition.macro

; Variables of the file: at the top level, inside `#if…` and inside `extern "C" { }`.
(translation_unit (declaration declarator: [
    (identifier) @name (pointer_declarator declarator: [(identifier) @name (array_declarator declarator: (identifier) @name)])
    (array_declarator declarator: [(identifier) @name (array_declarator declarator: (identifier) @name)])
    (init_declarator declarator: [
      (identifier) @name
      (pointer_declarator declarator: [(identifier) @name (array_declarator declarator: (identifier) @name)])
      (array_declarator declarator: [(identifier) @name (array_declarator declarator: (identifier) @name)])
      (function_declarator declarator: (parenthesized_declarator (pointer_declarator [
        (identifier) @name (array_declarator declarator: (identifier) @name)])))])
    (function_declarator declarator: (parenthesized_declarator (pointer_declarator (identifier) @name)))
  ]) @definition.variable)
; Those inside functions are left out later.
(preproc_ifdef (declaration declarator: [
    (identifier) @name (pointer_declarator declarator: [(identifier) @name (array_declarator declarator: (identifier) @name)])
    (array_declarator declarator: [(identifier) @name (array_declarator declarator: (identifier) @name)])
    (init_declarator declarator: [
      (identifier) @name
      (pointer_declarator declarator: [(identifier) @name (array_declarator declarator: (identifier) @name)])
      (array_declarator declarator: [(identifier) @name (array_declarator declarator: (identifier) @name)])
      (function_declarator declarator: (parenthesized_declarator (pointer_declarator [
        (identifier) @name (array_declarator declarator: (identifier) @name)])))])
    (function_declarator declarator: (parenthesized_declarator (pointer_declarator (identifier) @name)))
  ]) @definition.variable)
(preproc_if (declaration declarator: [
    (identifier) @name (pointer_declarator declarator: [(identifier) @name (array_declarator declarator: (identifier) @name)])
    (array_declarator declarator: [(identifier) @name (array_declarator declarator: (identifier) @name)])
    (init_declarator declarator: [
      (identifier) @name
      (pointer_declarator declarator: [(identifier) @name (array_declarator declarator: (identifier) @name)])
      (array_declarator declarator: [(identifier) @name (array_declarator declarator: (identifier) @name)])
      (function_declarator declarator: (parenthesized_declarator (pointer_declarator [
        (identifier) @name (array_declarator declarator: (identifier) @name)])))])
    (function_declarator declarator: (parenthesized_declarator (pointer_declarator (identifier) @name)))
  ]) @definition.variable)
(preproc_else (declaration declarator: [
    (identifier) @name (pointer_declarator declarator: [(identifier) @name (array_declarator declarator: (identifier) @name)])
    (array_declarator declarator: [(identifier) @name (array_declarator declarator: (identifier) @name)])
    (init_declarator declarator: [
      (identifier) @name
      (pointer_declarator declarator: [(identifier) @name (array_declarator declarator: (identifier) @name)])
      (array_declarator declarator: [(identifier) @name (array_declarator declarator: (identifier) @name)])
      (function_declarator declarator: (parenthesized_declarator (pointer_declarator [
        (identifier) @name (array_declarator declarator: (identifier) @name)])))])
    (function_declarator declarator: (parenthesized_declarator (pointer_declarator (identifier) @name)))
  ]) @definition.variable)
(preproc_elif (declaration declarator: [
    (identifier) @name (pointer_declarator declarator: [(identifier) @name (array_declarator declarator: (identifier) @name)])
    (array_declarator declarator: [(identifier) @name (array_declarator declarator: (identifier) @name)])
    (init_declarator declarator: [
      (identifier) @name
      (pointer_declarator declarator: [(identifier) @name (array_declarator declarator: (identifier) @name)])
      (array_declarator declarator: [(identifier) @name (array_declarator declarator: (identifier) @name)])
      (function_declarator declarator: (parenthesized_declarator (pointer_declarator [
        (identifier) @name (array_declarator declarator: (identifier) @name)])))])
    (function_declarator declarator: (parenthesized_declarator (pointer_declarator (identifier) @name)))
  ]) @definition.variable)
(linkage_specification body: (declaration_list (declaration declarator: [
    (identifier) @name (pointer_declarator declarator: [(identifier) @name (array_declarator declarator: (identifier) @name)])
    (array_declarator declarator: [(identifier) @name (array_declarator declarator: (identifier) @name)])
    (init_declarator declarator: [
      (identifier) @name
      (pointer_declarator declarator: [(identifier) @name (array_declarator declarator: (identifier) @name)])
      (array_declarator declarator: [(identifier) @name (array_declarator declarator: (identifier) @name)])
      (function_declarator declarator: (parenthesized_declarator (pointer_declarator [
        (identifier) @name (array_declarator declarator: (identifier) @name)])))])
    (function_declarator declarator: (parenthesized_declarator (pointer_declarator (identifier) @name)))
  ]) @definition.variable))
((translation_unit (declaration declarator: (init_declarator declarator: [
    (identifier) @name
    (pointer_declarator declarator: [(identifier) @name (array_declarator declarator: (identifier) @name)])
    (array_declarator declarator: [(identifier) @name (array_declarator declarator: (identifier) @name)])])) @definition.constant)
  (#match? @definition.constant "^(static\\s+|extern\\s+)*const\\b"))
