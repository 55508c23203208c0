import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.protocol.types.Type;

/**
 * Prints the shape of every request in every version as a line: key, version, header version, shape.
 * A shape is a type's name, `[shape]` for an array with `?` before it when it may be null, and
 * `{name=shape name=shape}` for a struct; the frame fuzzer builds its requests from them.
 */
public class Schemas {
    public static void main(String[] arguments) {
        for (ApiKeys key : ApiKeys.values()) {
            Schema[] versions = key.messageType.requestSchemas();
            for (short version = 0; version < versions.length; version++) {
                if (versions[version] == null) continue;
                System.out.println(key.id + " " + version + " "
                    + key.requestHeaderVersion(version) + " " + shape(versions[version]));
            }
        }
    }

    private static String shape(Type type) {
        if (type instanceof Schema schema) {
            var text = new StringBuilder("{");
            for (BoundField field : schema.fields())
                text.append(field.def.name).append('=').append(shape(field.def.type)).append(' ');
            return text.append('}').toString();
        }
        if (type instanceof TaggedFields) return "TAGS";
        if (type.isArray()) {
            String kind = type.toString().startsWith("COMPACT") ? "COMPACT" : "PLAIN";
            return kind + (type.isNullable() ? "?" : "") + "[" + shape(type.arrayElementType().get()) + "]";
        }
        return type.toString();
    }
}
