# shellcheck shell=bash
# GreenMail: takes every mail over SMTP and shows it over HTTP and IMAP. It keeps mails in memory,
# so they are gone after a restart; nothing in the stack depends on one that was delivered.

start_mail() {
  spawn mail "$java" "-Djava.io.tmpdir=$(fresh_tmp mail)" \
    "-Xmx${TAKEAWAY_MAIL_HEAP:-256m}" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:+ExitOnOutOfMemoryError \
    -Dgreenmail.smtp.hostname=127.0.0.1 "-Dgreenmail.smtp.port=$(port mail-smtp)" \
    -Dgreenmail.imap.hostname=127.0.0.1 "-Dgreenmail.imap.port=$(port mail-imap)" \
    -Dgreenmail.api.hostname=127.0.0.1 "-Dgreenmail.api.port=$(port mail)" \
    -Dgreenmail.auth.disabled \
    -jar "$jars/mail/greenmail-standalone.jar"
}

ready_mail() {
  curl -fsS -o /dev/null -m 5 "http://127.0.0.1:$(port mail)/api/service/readiness" 2>/dev/null
}
