#!/bin/sh
# SPDX-License-Identifier: MIT
# certificates.sh DIRECTORY makes certificates of all kinds, good and bad, in an empty directory. All of them have one
# key, key.pem; encrypted.pem is the same key under the passphrase `secret`.
set -eu
cd "$1"
exec >make.log 2>&1

cat >ca.conf <<'CONF'
[ca]
default_ca = test
[test]
dir = .
database = index.txt
serial = serial
crlnumber = crlnumber
new_certs_dir = .
default_md = sha256
policy = any
default_crl_days = 30
unique_subject = no
copy_extensions = none
[any]
commonName = supplied
organizationName = optional
[req]
distinguished_name = name
prompt = no
[name]
CN = unused
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
CONF
: >index.txt
echo 1000 >serial
echo 1000 >crlnumber

new_key() {
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"
}

# root NAME SUBJECT: a CA.
root() {
    new_key "$1.key"
    openssl req -x509 -config ca.conf -extensions authority -key "$1.key" -subj "$2" -days 30 -out "$1.pem"
}

# leaf NAME SUBJECT ISSUER FROM UNTIL EXTENSION...: a certificate for key.pem, or for NAME.key if there is one.
leaf() {
    name=$1 subject=$2 issuer=$3 from=$4 until=$5
    shift 5
    printf '%s\n' "$@" >"$name.ext"
    key=key.pem
    [ ! -f "$name.key" ] || key=$name.key
    openssl req -new -config ca.conf -key "$key" -subj "$subject" -out "$name.csr"
    openssl ca -batch -config ca.conf -cert "$issuer.pem" -keyfile "$issuer.key" -startdate "$from" -enddate "$until" \
        -extfile "$name.ext" -in "$name.csr" -notext -out "$name.pem"
}

day() { # DAYS: so many from now
    date -u -d "$1 days" +%Y%m%d000000Z
}

past=$(day -20) yesterday=$(day -2) tomorrow=$(day 2) future=$(day 20)
here="subjectAltName = DNS:localhost, DNS:*.mqwire.test, IP:127.0.0.1, IP:::1"

new_key key.pem
openssl pkey -in key.pem -aes256 -passout pass:secret -out encrypted.pem
new_key other.key
root ca "/CN=Test CA"
root stranger "/CN=Strange CA"

leaf server "/CN=server/O=mqwire" ca "$past" "$future" "$here"
leaf second "/CN=second/O=mqwire" ca "$past" "$future" "$here"
leaf elsewhere "/CN=elsewhere" ca "$past" "$future" "subjectAltName = DNS:a.elsewhere.test, DNS:b.elsewhere.test, IP:192.0.2.1"
leaf named "/CN=only.named.test" ca "$past" "$future" "basicConstraints = CA:FALSE"
leaf address "/CN=127.0.0.1" ca "$past" "$future" "basicConstraints = CA:FALSE"
leaf expired "/CN=expired" ca "$past" "$yesterday" "$here"
leaf early "/CN=early" ca "$tomorrow" "$future" "$here"
leaf unknown "/CN=unknown" stranger "$past" "$future" "$here"
leaf revoked "/CN=revoked" ca "$past" "$future" "$here"
leaf client "/CN=client 7/O=mqwire" ca "$past" "$future" "extendedKeyUsage = clientAuth"
leaf stranger_client "/CN=strange client" stranger "$past" "$future" "extendedKeyUsage = clientAuth"
leaf expired_client "/CN=old client" ca "$past" "$yesterday" "extendedKeyUsage = clientAuth"
new_key between.key
leaf between "/CN=Between CA" ca "$past" "$future" "basicConstraints = critical,CA:TRUE" "keyUsage = keyCertSign"
leaf deep "/CN=deep" between "$past" "$future" "$here"
cat deep.pem between.pem >chain.pem
cat server.pem key.pem >both.pem

openssl req -x509 -config ca.conf -key key.pem -subj "/CN=alone" -addext "$here" -days 20 -out self.pem

openssl ca -config ca.conf -cert ca.pem -keyfile ca.key -revoke revoked.pem
openssl ca -config ca.conf -cert ca.pem -keyfile ca.key -gencrl -out crl.pem
openssl ca -config ca.conf -cert stranger.pem -keyfile stranger.key -gencrl -out strange_crl.pem

mkdir directory
cp ca.pem directory/
openssl rehash directory
