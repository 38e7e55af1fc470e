// Brings who may do what to a broker, all lines of a file in one go. deploy/access runs it from this
// source, with the jars of Kafka; schemas/access.txt says what the lines look like.

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.quota.ClientQuotaAlteration;
import org.apache.kafka.common.quota.ClientQuotaEntity;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;

final class Access {
    private final List<AclBinding> allowed = new ArrayList<>();
    private final List<ClientQuotaAlteration> quotas = new ArrayList<>();

    /** BOOTSTRAP CONFIG FILE: the file's lines, with the credentials of the properties file CONFIG. */
    public static void main(String[] arguments) throws InterruptedException {
        try {
            var settings = new Properties();
            try (var config = Files.newBufferedReader(Path.of(arguments[1]))) {
                settings.load(config);
            }
            settings.setProperty("bootstrap.servers", arguments[0]);
            var lines = Files.readAllLines(Path.of(arguments[2]));
            var access = new Access();
            lines.forEach(access::read);
            access.bring(settings);
            lines.stream().filter(Access::says).forEach(line -> System.out.println("  " + line));
        } catch (IOException | IllegalArgumentException | KafkaException wrong) {
            fail(wrong);
        } catch (ExecutionException refused) {
            fail(refused.getCause());
        }
    }

    private static boolean says(String line) {
        return !line.isBlank() && !line.startsWith("#");
    }

    private void read(String line) {
        if (!says(line)) return;
        var words = line.split(" ");
        switch (words[0]) {
            case "allow" -> allow(words);
            case "quota" -> quota(words[1], words[2]);
            default -> throw new IllegalArgumentException("what is " + words[0] + "?");
        }
    }

    /** allow PRINCIPAL RESOURCE PATTERN NAMES OPERATIONS... */
    private void allow(String[] words) {
        var resource = ResourceType.valueOf(constant(words[2]));
        var pattern = PatternType.valueOf(constant(words[3]));
        for (var name : words[4].split(",")) {
            for (var word : Arrays.copyOfRange(words, 5, words.length)) {
                var operation = AclOperation.valueOf(constant(word));
                var entry = new AccessControlEntry(
                    "User:" + words[1], "*", operation, AclPermissionType.ALLOW);
                allowed.add(new AclBinding(new ResourcePattern(resource, name, pattern), entry));
            }
        }
    }

    /** quota PRINCIPAL SETTING=NUMBER,... */
    private void quota(String principal, String settings) {
        var user = new ClientQuotaEntity(Map.of(ClientQuotaEntity.USER, principal));
        var limits = Arrays.stream(settings.split(",")).map(each -> each.split("="))
            .map(each -> new ClientQuotaAlteration.Op(each[0], Double.valueOf(each[1])));
        quotas.add(new ClientQuotaAlteration(user, limits.toList()));
    }

    /** transactional-id and DescribeConfigs as Java's constants are written. */
    private static String constant(String word) {
        return word.replace('-', '_').replaceAll("(?<=[a-z])(?=[A-Z])", "_").toUpperCase();
    }

    /** Once this returns, the broker has all of it. */
    private void bring(Properties settings) throws ExecutionException, InterruptedException {
        try (var admin = Admin.create(settings)) {
            admin.createAcls(allowed).all().get();
            admin.alterClientQuotas(quotas).all().get();
        }
    }

    private static void fail(Throwable cause) {
        System.err.println(cause);
        System.exit(1);
    }
}
