; GraphQL: schemas, and the operations of clients. A description is part of its node.

(comment) @comment

(object_type_definition (name) @name (fields_definition)? @body) @definition.struct
(object_type_extension (name) @name (fields_definition)? @body) @definition.impl
(interface_type_definition (name) @name (fields_definition)? @body) @definition.interface
(interface_type_extension (name) @name (fields_definition)? @body) @definition.impl
(input_object_type_definition (name) @name (input_fields_definition)? @body) @definition.struct
(input_object_type_extension (name) @name (input_fields_definition)? @body) @definition.impl
(enum_type_definition (name) @name (enum_values_definition)? @body) @definition.enum
(union_type_definition (name) @name) @definition.union
(scalar_type_definition (name) @name) @definition.type
(directive_definition (name) @name) @definition.macro
(fields_definition (field_definition (name) @name) @definition.field)

; Operations and fragments. An operation without a name is none.
(operation_definition (name) @name (selection_set) @body) @definition.function
(fragment_definition (fragment_name) @name (selection_set) @body) @definition.type
