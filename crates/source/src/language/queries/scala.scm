; Scala 2 and 3. Annotations are inside definitions, so no node is captured as
; @attached.

[(comment) (block_comment)] @comment

; Packages. A clause without braces contains nothing and is not captured.
(package_clause name: (_) @name body: (_) @body) @definition.module
(package_object name: (identifier) @name body: (_)? @body) @definition.module

; Types.
(class_definition name: (_) @name body: (_)? @body) @definition.class
(object_definition name: (_) @name body: (_)? @body) @definition.class
(trait_definition name: (_) @name body: (_)? @body) @definition.trait
(enum_definition name: (_) @name body: (_) @body) @definition.enum

; Type aliases and abstract types of a file or a template.
(compilation_unit (type_definition name: (_) @name) @definition.type)
(package_clause body: (_ (type_definition name: (_) @name) @definition.type))
(template_body (type_definition name: (_) @name) @definition.type)

; The name of an unnamed given is its type, that of an extension the extended type.
(given_definition !name return_type: (_) @name body: (_) @body) @definition.impl
(given_definition name: (_) @name body: (_) @body) @definition.impl
(extension_definition parameters: (parameters . (parameter type: (_) @name))) @definition.impl

; Functions. In a template (the body of a class, trait or object) they are methods.
(function_definition name: (_) @name body: (_)? @body) @definition.function
(function_declaration name: (_) @name) @definition.function
(template_body [
  (function_definition name: (_) @name body: (_)? @body) @definition.method
  (function_declaration name: (_) @name) @definition.method])
(with_template_body [
  (function_definition name: (_) @name body: (_)? @body) @definition.method
  (function_declaration name: (_) @name) @definition.method])
(enum_body (function_definition name: (_) @name body: (_)? @body) @definition.method)
(extension_definition body: [
  (function_definition name: (_) @name body: (_)? @body) @definition.method
  (function_declaration name: (_) @name) @definition.method])
((function_definition name: (identifier) @name body: (_)? @body) @definition.constructor
  (#eq? @name "this"))

; Values of a class or trait are properties.
(template_body [
  (val_definition pattern: (identifier) @name) @definition.property
  (var_definition pattern: (identifier) @name) @definition.property
  (val_definition pattern: (identifiers (identifier) @name)) @definition.property
  (val_definition pattern: (tuple_pattern (identifier) @name)) @definition.property
  (val_declaration name: (identifier) @name) @definition.property
  (var_declaration name: (identifier) @name) @definition.property])

; Values of an object, a package or a file are constants and variables.
(object_definition body: (_ [
  (val_definition pattern: (identifier) @name) @definition.constant
  (var_definition pattern: (identifier) @name) @definition.variable]))
(package_object body: (_ [
  (val_definition pattern: (identifier) @name) @definition.constant
  (var_definition pattern: (identifier) @name) @definition.variable]))
(package_clause body: (_ [
  (val_definition pattern: (identifier) @name) @definition.constant
  (var_definition pattern: (identifier) @name) @definition.variable]))
(compilation_unit [
  (val_definition pattern: (identifier) @name) @definition.constant
  (val_definition pattern: (tuple_pattern (identifier) @name)) @definition.constant
  (var_definition pattern: (identifier) @name) @definition.variable])
