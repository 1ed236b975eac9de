; Java. Annotations are inside declarations (`modifiers`), so no node is captured as
; @attached.

[(line_comment) (block_comment)] @comment

(module_declaration name: (_) @name body: (_) @body) @definition.module

; Types. A record counts as a class.
(class_declaration name: (identifier) @name body: (_) @body) @definition.class
(record_declaration name: (identifier) @name body: (_) @body) @definition.class
(enum_declaration name: (identifier) @name body: (_) @body) @definition.enum
(interface_declaration name: (identifier) @name body: (_) @body) @definition.interface
(annotation_type_declaration name: (identifier) @name body: (_) @body) @definition.interface

; Members. Abstract and interface methods have no body.
(method_declaration name: (identifier) @name body: (block)? @body) @definition.method
(constructor_declaration name: (identifier) @name body: (_) @body) @definition.constructor
(compact_constructor_declaration name: (identifier) @name body: (_) @body) @definition.constructor

(annotation_type_element_declaration name: (identifier) @name) @definition.method

; Constants: those of interfaces, and fields with names in capitals. Other fields are
; part of their class.
(constant_declaration declarator: (variable_declarator name: (identifier) @name)) @definition.constant
((field_declaration (modifiers) declarator: (variable_declarator name: (identifier) @name)) @definition.constant
  (#match? @name "^[A-Z][A-Z0-9_]*$")
  (#match? @definition.constant "\\bstatic\\b"))
