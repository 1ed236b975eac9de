; SQL. A statement's `;` is not part of its node. The patterns require the keyword
; directly before the name, because other names follow, such as the table of an index.

[(comment) (marginalia)] @comment

(create_schema (identifier) @name) @definition.module
(create_table [(keyword_table) (keyword_exists)]
  . (object_reference name: (identifier) @name)
  [(column_definitions) (create_query)]? @body) @definition.struct
(create_type (keyword_type)
  . (object_reference name: (identifier) @name)
  [(column_definitions) (enum_elements)]? @body) @definition.type
(create_view [(keyword_view) (keyword_exists)]
  . (object_reference name: (identifier) @name)
  (create_query)? @body) @definition.type
(create_materialized_view [(keyword_view) (keyword_exists)]
  . (object_reference name: (identifier) @name)
  (create_query)? @body) @definition.type
(create_index column: (identifier) @name (index_fields) @body) @definition.type
(create_function (keyword_function)
  . (object_reference name: (identifier) @name)
  (function_body)? @body) @definition.function
(create_trigger (keyword_trigger)
  . (object_reference name: (identifier) @name)) @definition.type
(create_sequence [(keyword_sequence) (keyword_exists)]
  . (object_reference name: (identifier) @name)) @definition.variable
