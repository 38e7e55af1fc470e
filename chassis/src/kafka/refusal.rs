//! Being refused by Kafka, told from Kafka being away: waiting mends only the second.

use std::sync::{Mutex, PoisonError};

use anyhow::{Error, anyhow};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// Why a client was not let in, as it heard last.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<Option<String>>);

impl Refusals {
    /// Notes what librdkafka tells of itself. A connection that failed otherwise since then is no
    /// refusal any more.
    pub(super) fn note(&self, error: &KafkaError, reason: &str) {
        // Said after each of the others, of which it is no cause.
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            return;
        }
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = why(error, reason);
    }

    /// Notes a failure that librdkafka only logs: a broker that hung up, and a transaction that may not
    /// write.
    pub(super) fn note_failure(&self, message: &str) {
        let remedy = if hung_up(message) {
            HUNG_UP
        } else if message.contains("AUTHORIZATION_FAILED") {
            NO_RIGHT
        } else {
            return;
        };
        let why = format!("{remedy} ({message})");
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }

    /// Why it was not let in, and what to do; none if it was, or does not know.
    pub(super) fn last(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The refusal if there was one, which says more than the failure that follows from it.
    pub(super) fn or(&self, failure: Error) -> Error {
        self.last().map_or(failure, |why| anyhow!(why))
    }
}

/// Whether the broker hung up at the first requests, as one does that expects another protocol.
fn hung_up(message: &str) -> bool {
    message.contains("Disconnected") && is_young(message)
}

/// Whether the connection ended before anything was asked, or within two seconds: so librdkafka takes it too.
fn is_young(message: &str) -> bool {
    let before = |mark| message.rsplit_once(mark).map(|(before, _)| before);
    let age_ms = || before("ms in state UP")?.rsplit_once("(after ")?.1.parse::<u32>().ok();
    let is_first = ["in state SSL_HANDSHAKE", "in state APIVERSION_QUERY"];
    is_first.iter().any(|state| message.contains(state)) || age_ms().is_some_and(|ms| ms < 2_000)
}

const HUNG_UP: &str = "Kafka hangs up at once: correct KAFKA_SECURITY_PROTOCOL, for that port may want \
                       TLS or a login, or neither";

fn why(error: &KafkaError, reason: &str) -> Option<String> {
    let remedy = match error.rdkafka_error_code()? {
        RDKafkaErrorCode::Authentication => {
            "Kafka does not accept the login: correct KAFKA_SASL_USERNAME, its password, or \
             KAFKA_SASL_MECHANISM"
        }
        RDKafkaErrorCode::SSL => {
            "no TLS was agreed on with Kafka: KAFKA_CA_FILE names the authority of its certificates, \
             KAFKA_BOOTSTRAP an address that they are for, KAFKA_CERT_FILE a certificate of ours if \
             it wants one, and KAFKA_SECURITY_PROTOCOL has TLS only where Kafka has"
        }
        RDKafkaErrorCode::BrokerTransportFailure if hung_up(reason) => HUNG_UP,
        _ => return None,
    };
    Some(format!("{remedy} ({reason})"))
}

/// Adds what to do where Kafka has let the user in and does not let them do this.
pub(super) fn explained(error: KafkaError) -> Error {
    use RDKafkaErrorCode::{
        ClusterAuthorizationFailed, GroupAuthorizationFailed, TopicAuthorizationFailed,
        TransactionalIdAuthorizationFailed,
    };
    match error.rdkafka_error_code() {
        Some(
            ClusterAuthorizationFailed
            | GroupAuthorizationFailed
            | TopicAuthorizationFailed
            | TransactionalIdAuthorizationFailed,
        ) => anyhow!(error).context(NO_RIGHT),
        _ => anyhow!(error),
    }
}

/// What a user lacks who is refused.
pub(super) const NO_RIGHT: &str = "this user has no right to it: log in as the user that it belongs \
                                   to (KAFKA_SASL_USERNAME), or have an ACL added";

#[cfg(test)]
mod tests {
    use super::*;
    use RDKafkaErrorCode as Code;

    #[test]
    fn a_refusal_says_what_to_correct_and_an_outage_is_none() {
        let refusals = Refusals::default();
        let cases = [
            (Code::Authentication, "invalid credentials", Some("KAFKA_SASL_USERNAME")),
            (Code::AllBrokersDown, "1/1 brokers are down", Some("KAFKA_SASL_USERNAME")),
            (Code::SSL, "certificate verify failed", Some("KAFKA_CA_FILE")),
            (Code::BrokerTransportFailure, "Connection refused", None),
            (Code::AllBrokersDown, "1/1 brokers are down", None),
            // With TLS on a port without it.
            (
                Code::BrokerTransportFailure,
                "SSL handshake failed: Disconnected: connecting to a PLAINTEXT broker listener? \
                 (after 3ms in state SSL_HANDSHAKE)",
                Some("KAFKA_SECURITY_PROTOCOL"),
            ),
            (Code::BrokerTransportFailure, "Disconnected (after 2000ms in state UP)", None),
        ];
        assert_eq!(refusals.last(), None);
        for (code, reason, remedy) in cases {
            refusals.note(&KafkaError::Global(code), reason);
            let said = refusals.or(anyhow!("Kafka is away")).to_string();
            assert!(said.contains(remedy.unwrap_or("Kafka is away")), "{code:?}: {said}");
        }
        for message in ["Disconnected (after 2000ms in state UP)", "(after 1ms in state UP)"] {
            refusals.note_failure(message);
            assert_eq!(refusals.last(), None, "{message}");
        }
        for state in [
            "1999ms in state UP",
            "9999ms in state APIVERSION_QUERY, 1 more",
            "0ms in state SSL_HANDSHAKE",
        ] {
            refusals.note(&KafkaError::Global(Code::BrokerTransportFailure), "Connection refused");
            refusals.note_failure(&format!("Disconnected: closed by peer (after {state})"));
            assert!(refusals.last().unwrap().contains("KAFKA_SECURITY_PROTOCOL"), "{state}");
        }
        refusals.note(&KafkaError::Global(Code::AllBrokersDown), "1/1 brokers are down");
        assert!(refusals.last().is_some());
        refusals
            .note_failure("Current transaction failed: it may not (TOPIC_AUTHORIZATION_FAILED)");
        assert!(refusals.last().unwrap().contains("KAFKA_SASL_USERNAME"));
    }

    #[test]
    fn a_right_that_is_missing_is_explained() {
        let denied = explained(KafkaError::MessageProduction(Code::TopicAuthorizationFailed));
        assert!(format!("{denied:#}").contains("KAFKA_SASL_USERNAME"), "{denied:#}");
        let other = explained(KafkaError::MessageProduction(Code::UnknownTopic));
        assert!(!format!("{other:#}").contains("right"), "{other:#}");
    }
}
