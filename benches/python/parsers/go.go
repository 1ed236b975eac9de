// Lists the definitions of Go files with go/parser, one JSON object per line. Reads paths from standard input.
package main

import (
	"bufio"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
)

type definition struct {
	Path      string `json:"path"`
	Name      string `json:"name"`
	Kind      string `json:"kind"`
	Line      int    `json:"line"`
	Start     int    `json:"start"`
	End       int    `json:"end"`
	HeadStart int    `json:"head_start"`
	HeadEnd   int    `json:"head_end"`
}

func main() {
	out := json.NewEncoder(os.Stdout)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		path := lines.Text()
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			continue
		}
		at := func(pos token.Pos) int { return files.PositionFor(pos, false).Line }
		offset := func(pos token.Pos) int { return files.PositionFor(pos, false).Offset }
		emit := func(name *ast.Ident, kind string, from, to, head token.Pos) {
			if name.Name != "_" {
				out.Encode(definition{path, name.Name, kind, at(name.Pos()), at(from), at(to - 1), offset(from), offset(head)})
			}
		}
		for _, decl := range file.Decls {
			switch decl := decl.(type) {
			case *ast.FuncDecl:
				kind, head := "function", decl.End()
				if decl.Recv != nil {
					kind = "method"
				}
				if decl.Body != nil {
					head = decl.Body.Lbrace
				}
				emit(decl.Name, kind, decl.Pos(), decl.End(), head)
			case *ast.GenDecl:
				for _, spec := range decl.Specs {
					from, to := spec.Pos(), spec.End()
					if !decl.Lparen.IsValid() {
						from, to = decl.Pos(), decl.End()
					}
					switch spec := spec.(type) {
					case *ast.TypeSpec:
						kind, head := "type", to
						switch spec := spec.Type.(type) {
						case *ast.StructType:
							kind, head = "struct", spec.Fields.Opening
						case *ast.InterfaceType:
							kind, head = "interface", spec.Methods.Opening
							for _, method := range spec.Methods.List {
								for _, name := range method.Names {
									emit(name, "method", method.Pos(), method.End(), method.End())
								}
							}
						}
						emit(spec.Name, kind, from, to, head)
					case *ast.ValueSpec:
						kind := "variable"
						if decl.Tok == token.CONST {
							kind = "constant"
						}
						for i, name := range spec.Names {
							if i < len(spec.Values) && kind == "variable" && i == 0 {
								if f, ok := spec.Values[0].(*ast.FuncLit); ok {
									emit(name, "function", from, to, f.Body.Lbrace)
									continue
								}
							}
							emit(name, kind, from, to, 0)
						}
					}
				}
			}
		}
	}
}
