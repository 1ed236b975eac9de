// Lists the definitions of Java files with javac's tree API, one JSON object per line. Reads paths from standard input.
import com.sun.source.tree.*;
import com.sun.source.util.*;
import java.io.*;
import java.util.*;
import javax.lang.model.element.Modifier;
import javax.tools.*;

public class Definitions {
    public static void main(String[] arguments) throws IOException {
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        StandardJavaFileManager manager = compiler.getStandardFileManager(null, null, null);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String path = in.readLine(); path != null; path = in.readLine()) {
            JavacTask task = (JavacTask) compiler.getTask(null, manager, d -> {}, List.of("-proc:none"), null,
                    manager.getJavaFileObjects(path));
            SourcePositions positions = Trees.instance(task).getSourcePositions();
            for (CompilationUnitTree unit : task.parse()) {
                new Lister(path, unit, positions).scan(unit, "");
            }
        }
    }

    static class Lister extends TreeScanner<Void, String> {
        final String path, text;
        final CompilationUnitTree unit;
        final SourcePositions positions;

        Lister(String path, CompilationUnitTree unit, SourcePositions positions) throws IOException {
            this.path = path;
            this.unit = unit;
            this.positions = positions;
            this.text = unit.getSourceFile().getCharContent(true).toString();
        }

        void emit(Tree tree, Tree modifiers, String name, String kind, int headEnd) {
            int from = (int) positions.getStartPosition(unit, tree), to = (int) positions.getEndPosition(unit, tree);
            if (from < 0 || to < 0) {
                return;
            }
            int after = (int) positions.getEndPosition(unit, modifiers);
            int head = from;
            for (AnnotationTree one : ((ModifiersTree) modifiers).getAnnotations()) {
                String between = text.substring(head, (int) positions.getStartPosition(unit, one));
                if (between.replaceAll("//[^\n]*|(?s)/\\*.*?\\*/", "").isBlank()) {
                    head = (int) positions.getEndPosition(unit, one);
                }
            }
            LineMap lines = unit.getLineMap();
            int search = Math.max(after, head);
            java.util.regex.Matcher found = java.util.regex.Pattern.compile("\\b" + name + "\\b").matcher(text);
            int at = found.find(search) ? found.start() : search;
            System.out.printf("{\"path\":\"%s\",\"name\":\"%s\",\"kind\":\"%s\",\"line\":%d,\"start\":%d,\"end\":%d,"
                    + "\"char_start\":%d,\"char_end\":%d}%n", path, name, kind, lines.getLineNumber(at),
                    lines.getLineNumber(from), lines.getLineNumber(to - 1), head, headEnd < 0 ? to : headEnd);
        }

        @Override
        public Void visitClass(ClassTree tree, String outer) {
            String name = tree.getSimpleName().toString(), kind;
            switch (tree.getKind()) {
                case ENUM: kind = "enum"; break;
                case INTERFACE: case ANNOTATION_TYPE: kind = "interface"; break;
                default: kind = "class";
            }
            if (!name.isEmpty()) {
                int search = (int) positions.getEndPosition(unit, tree.getModifiers());
                search = Math.max(search, (int) positions.getStartPosition(unit, tree));
                emit(tree, tree.getModifiers(), name, kind, text.indexOf('{', search));
            }
            return super.visitClass(tree, kind);
        }

        @Override
        public Void visitMethod(MethodTree tree, String outer) {
            String name = tree.getName().toString();
            String kind = "method";
            int head = tree.getBody() == null ? -1 : (int) positions.getStartPosition(unit, tree.getBody());
            if (name.equals("<init>")) {
                int from = (int) positions.getStartPosition(unit, tree);
                if (from < 0 || tree.getBody() == null || positions.getEndPosition(unit, tree) < 0) {
                    return super.visitMethod(tree, outer);
                }
                java.util.regex.Matcher found = java.util.regex.Pattern.compile("(\\w+)\\s*[({]")
                        .matcher(text.substring(0, (int) positions.getEndPosition(unit, tree)));
                int search = Math.max(from, (int) positions.getEndPosition(unit, tree.getModifiers()));
                if (!found.find(search)) {
                    return super.visitMethod(tree, outer);
                }
                name = found.group(1);
                kind = "constructor";
            }
            emit(tree, tree.getModifiers(), name, kind, head);
            return super.visitMethod(tree, outer);
        }

        @Override
        public Void visitVariable(VariableTree tree, String outer) {
            Set<Modifier> flags = tree.getModifiers().getFlags();
            String name = tree.getName().toString();
            int from = (int) positions.getStartPosition(unit, tree);
            boolean isEnumerator = outer.equals("enum") && text.startsWith(name, from);
            if (!isEnumerator && flags.contains(Modifier.STATIC) && flags.contains(Modifier.FINAL) && name.matches("[A-Z][A-Z0-9_]*")) {
                emit(tree, tree.getModifiers(), name, "constant", 0);
            }
            return super.visitVariable(tree, outer);
        }
    }
}
