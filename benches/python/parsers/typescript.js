// Lists the definitions of TypeScript and JavaScript files with the TypeScript compiler, one JSON object per line.
// Reads paths from standard input; NODE_PATH leads to the package `typescript`.
const ts = require("typescript"), fs = require("fs");
const K = ts.SyntaxKind;
for (const path of fs.readFileSync(0, "utf8").split("\n").filter(Boolean)) {
  const text = fs.readFileSync(path, "utf8");
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const line = (at) => file.getLineAndCharacterOfPosition(at).line + 1;
  const emit = (name, kind, node, body) => {
    let head = node.getStart(file);
    const modifiers = node.modifiers || [];
    for (const one of modifiers) if (one.kind === K.Decorator && text.slice(head, one.getStart(file)).trim() === "") head = one.end;
    if (body === undefined) body = ["constant", "variable", "property", "type"].includes(kind) ? 0 : node.end;
    console.log(JSON.stringify({ path, name: name.text ?? name.getText(file), kind, line: line(name.getStart(file)),
      start: line(node.getStart(file)), end: line(node.end - 1), head: body ? text.slice(head, body) : null }));
  };
  const bodyOf = (f) => f.body ? f.body.getStart(file) : undefined;
  const brace = (node) => text.indexOf("{", node.heritageClauses?.at(-1)?.end ?? node.typeParameters?.end ?? node.name.end);
  const isFunction = (value) => value && (ts.isArrowFunction(value) || ts.isFunctionExpression(value));
  const visit = (node, inClass) => {
    const topLevel = (n) => n.parent === file || (n.parent && n.parent.kind === K.ModuleBlock);
    switch (node.kind) {
      case K.FunctionDeclaration: if (node.name) emit(node.name, "function", node, bodyOf(node)); break;
      case K.ClassDeclaration: if (node.name) emit(node.name, "class", node, brace(node)); break;
      case K.InterfaceDeclaration: emit(node.name, "interface", node, brace(node)); break;
      case K.EnumDeclaration: emit(node.name, "enum", node, brace(node)); break;
      case K.TypeAliasDeclaration: emit(node.name, "type", node); break;
      case K.ModuleDeclaration: if (node.body && node.parent.kind !== K.ModuleDeclaration) emit(node.name, "module", node, text.indexOf("{", node.name.end)); break;
      case K.MethodDeclaration: case K.GetAccessor: case K.SetAccessor: emit(node.name, "method", node, bodyOf(node)); break;
      case K.MethodSignature: emit(node.name, "method", node); break;
      case K.Constructor: emit({ text: "constructor", getStart: () => text.indexOf("constructor", node.modifiers?.end ?? node.getStart(file)) }, "constructor", node, bodyOf(node)); break;
      case K.PropertyDeclaration:
        emit(node.name, isFunction(node.initializer) ? "method" : "property", node, isFunction(node.initializer) ? bodyOf(node.initializer) : undefined); break;
      case K.VariableStatement:
        if (topLevel(node)) for (const one of node.declarationList.declarations) {
          if (!ts.isIdentifier(one.name)) continue;
          const value = one.initializer, constant = node.declarationList.flags & ts.NodeFlags.Const;
          if (value && ts.isCallExpression(value) && value.expression.getText(file) === "require") continue;
          if (isFunction(value)) emit(one.name, "function", node, bodyOf(value));
          else if (value && ts.isClassExpression(value)) emit(one.name, "class", node, 0);
          else emit(one.name, constant ? "constant" : "variable", node, 0);
        }
        break;
    }
    ts.forEachChild(node, visit);
  };
  ts.forEachChild(file, visit);
}
