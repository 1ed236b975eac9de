; PHP. Attributes are inside declarations, so no node is captured as @attached.

(comment) @comment

; Namespaces with braces. `namespace X;` is one line without contents.
(namespace_definition name: (_) @name body: (_) @body) @definition.module

; Types. Of anonymous classes, only the methods are captured.
(class_declaration name: (name) @name body: (_) @body) @definition.class
(interface_declaration name: (name) @name body: (_) @body) @definition.interface
(trait_declaration name: (name) @name body: (_) @body) @definition.trait
(enum_declaration name: (name) @name body: (_) @body) @definition.enum

; Functions and methods. Abstract and interface methods have no body.
(function_definition name: (name) @name body: (_) @body) @definition.function
(method_declaration name: (name) @name body: (_)? @body) @definition.method
((method_declaration name: (name) @name body: (_)? @body) @definition.constructor
  (#eq? @name "__construct"))

; Properties, with the hooks of some.
(property_declaration (property_element name: (variable_name (name) @name))) @definition.property
(property_declaration
  (property_element name: (variable_name (name) @name))
  (property_hook_list) @body) @definition.property

; Constants: `const` in a file or a class, and `define()`.
(const_declaration (const_element . (name) @name)) @definition.constant
((expression_statement
  (function_call_expression function: (name)
    arguments: (arguments . (argument (string (string_content) @name))))) @definition.constant
  (#match? @definition.constant "^\\\\?define\\s*\\("))

; Variables of a file, and functions assigned to variables.
(program (expression_statement
  (assignment_expression left: (variable_name (name) @name))) @definition.variable)
(program (expression_statement
  (assignment_expression left: (variable_name (name) @name)
    right: [(anonymous_function body: (_) @body)
            (arrow_function body: (_) @body)])) @definition.function)
