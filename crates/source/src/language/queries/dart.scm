; Dart. Annotations are inside declarations, so no node is captured as @attached.

[(comment) (block_comment) (documentation_comment) (documentation_block_comment)] @comment

; Types. A mixin counts as a trait, an extension as an impl, which may have no name.
(class_declaration name: (identifier) @name body: (_) @body) @definition.class
(class_declaration (mixin_application_class . (identifier) @name)) @definition.class
(mixin_declaration name: (identifier) @name body: (_) @body) @definition.trait
(enum_declaration name: (identifier) @name body: (_) @body) @definition.enum
(extension_declaration name: (identifier) @name body: (_) @body) @definition.impl
(extension_declaration !name class: (_) @name body: (_) @body) @definition.impl
(extension_type_declaration name: (extension_type_name . (identifier) @name) body: (_) @body) @definition.class
(type_alias (type_identifier) @name) @definition.type

; Functions of a file, and local functions.
(function_declaration signature: (function_signature name: (identifier) @name) body: (_) @body) @definition.function
(external_function_declaration signature: (function_signature name: (identifier) @name)) @definition.function
(local_function_declaration (function_signature name: (identifier) @name) (function_body) @body) @definition.function
(getter_declaration signature: (getter_signature name: (identifier) @name) body: (_) @body) @definition.property
(setter_declaration signature: (setter_signature name: (identifier) @name) body: (_) @body) @definition.property

; Members. The node `member_declaration` includes the annotations and the `;`.
(member_declaration (method_declaration
  signature: (method_signature (function_signature name: (identifier) @name)) body: (_) @body)) @definition.method
(member_declaration (declaration (function_signature name: (identifier) @name))) @definition.method
(member_declaration (method_declaration
  signature: (method_signature (operator_signature operator: _ @name)) body: (_) @body)) @definition.method
(member_declaration (declaration (operator_signature operator: _ @name))) @definition.method
(member_declaration (method_declaration signature: (method_signature [
  (getter_signature name: (identifier) @name)
  (setter_signature name: (identifier) @name)]) body: (_) @body)) @definition.property
(member_declaration (declaration [
  (getter_signature name: (identifier) @name)
  (setter_signature name: (identifier) @name)])) @definition.property

; Constructors: the name of `A()` is `A`, that of `A.named()` is `named`.
(member_declaration (method_declaration signature: (method_signature [
  (constructor_signature name: (identifier) @name . parameters: (_))
  (constant_constructor_signature name: (identifier) @name . parameters: (_))
  (factory_constructor_signature name: (identifier) @name . parameters: (_))]) body: (_) @body)) @definition.constructor
(member_declaration (declaration [
  (constructor_signature name: (identifier) @name . parameters: (_))
  (constant_constructor_signature name: (identifier) @name . parameters: (_))
  (redirecting_factory_constructor_signature name: (identifier) @name . parameters: (_))])) @definition.constructor

; Constants of a class. Other fields are part of their class.
(member_declaration (declaration "const"
  (static_final_declaration_list (static_final_declaration name: (identifier) @name)))) @definition.constant
(member_declaration (declaration "static" "final"
  (static_final_declaration_list (static_final_declaration name: (identifier) @name)))) @definition.constant

; Variables and constants of a file.
(top_level_variable_declaration
  (static_final_declaration_list (static_final_declaration name: (identifier) @name))) @definition.constant
(top_level_variable_declaration
  (initialized_identifier_list (initialized_identifier name: (identifier) @name))) @definition.variable
