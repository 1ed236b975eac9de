; PHP. Attributes are inside the declaration: nothing is @attached.

(comment) @comment

; Only a namespace with braces holds something: `namespace X;` is one line.
(namespace_definition name: (_) @name body: (_) @body) @definition.module

; Types. An anonymous class has no name: its methods are captured, it is not.
(class_declaration name: (name) @name body: (_) @body) @definition.class
(interface_declaration name: (name) @name body: (_) @body) @definition.interface
(trait_declaration name: (name) @name body: (_) @body) @definition.trait
(enum_declaration name: (name) @name body: (_) @body) @definition.enum

; Functions and methods. An abstract or interface method has no body.
(function_definition name: (name) @name body: (_) @body) @definition.function
(method_declaration name: (name) @name body: (_)? @body) @definition.method
((method_declaration name: (name) @name body: (_)? @body) @definition.constructor
  (#eq? @name "__construct"))

; A property with hooks; plain ones are read with their class.
(property_declaration
  (property_element name: (variable_name (name) @name))
  (property_hook_list) @body) @definition.property

; Constants: `const`, of a file or a class, and `define()`.
(const_declaration (const_element . (name) @name)) @definition.constant
((expression_statement
  (function_call_expression function: (name)
    arguments: (arguments . (argument (string (string_content) @name))))) @definition.constant
  (#match? @definition.constant "^\\\\?define\\s*\\("))

; Variables of a file, and the functions some of them hold.
(program (expression_statement
  (assignment_expression left: (variable_name (name) @name))) @definition.variable)
(program (expression_statement
  (assignment_expression left: (variable_name (name) @name)
    right: [(anonymous_function body: (_) @body)
            (arrow_function body: (_) @body)])) @definition.function)
