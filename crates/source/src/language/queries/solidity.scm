; Solidity. A contract is a class and a library a module; events and errors are types.
; No node is captured as @attached.

(comment) @comment

(contract_declaration name: (identifier) @name body: (_) @body) @definition.class
(interface_declaration name: (identifier) @name body: (_) @body) @definition.interface
(library_declaration name: (identifier) @name body: (_) @body) @definition.module
(struct_declaration name: (identifier) @name body: (_) @body) @definition.struct
(enum_declaration name: (identifier) @name body: (_) @body) @definition.enum
(event_definition name: (identifier) @name) @definition.type
(error_declaration name: (identifier) @name) @definition.type
(user_defined_type_definition name: (identifier) @name) @definition.type

; Functions. Those of an interface have no body.
(function_definition name: (identifier) @name body: (_)? @body) @definition.function
(contract_body (function_definition name: (identifier) @name body: (_)? @body) @definition.method)
(modifier_definition name: (identifier) @name body: (_)? @body) @definition.method
(constructor_definition "constructor" @name body: (_)? @body) @definition.constructor
(fallback_receive_definition ["receive" "fallback"] @name body: (_)? @body) @definition.method

(state_variable_declaration name: (identifier) @name) @definition.property
((state_variable_declaration name: (identifier) @name) @definition.constant
  (#match? @definition.constant "^[^=;]*\\bconstant\\b"))
(constant_variable_declaration name: (identifier) @name) @definition.constant
