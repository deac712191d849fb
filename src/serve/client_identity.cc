#include "serve/client_identity.h"

#include <charconv>

#include "base/escape.h"

namespace hikyaku::serve {

ClientIdentity ClientIdentity::of(const io::Stream& stream) {
  ClientIdentity client;
  client.address = stream.peer_address();
  client.port = stream.peer_port();
  return client;
}

std::string ClientIdentity::text() const { return escaped(name) + "[" + escaped(address) + "]"; }

policy::Client ClientIdentity::policy_facts() const {
  policy::Client facts;
  facts.ip = table::Ip::parse(address);
  facts.address = address;
  facts.name = name;
  facts.name_status = name_status;
  facts.reverse_name = reverse_name;
  facts.reverse_name_status = reverse_status;
  facts.sasl_user = sasl_user;
  facts.tls = tls.has_value();
  if (tls) {
    facts.certificate_trusted = tls->verified;
    facts.certificate_fingerprint = tls->peer_fingerprint;
    facts.public_key_fingerprint = tls->peer_public_key_fingerprint;
    facts.certificate_name = tls->peer_name;
  }
  return facts;
}

rewrite::ClientFacts ClientIdentity::rewrite_facts() const {
  rewrite::ClientFacts facts;
  facts.address = address;
  facts.name = name;
  facts.sasl_user = sasl_user;
  if (tls) {
    facts.tls_verified = tls->verified;
    facts.tls_certificate_fingerprint = tls->peer_fingerprint;
    facts.tls_public_key_fingerprint = tls->peer_public_key_fingerprint;
  }
  return facts;
}

std::optional<smtp::Reply> ClientIdentity::override_by(
    const std::vector<smtp::ServerSession::Xclient::Attribute>& attributes) {
  ClientIdentity next = *this;
  next.forget_session();
  for (const auto& attribute : attributes) {
    const auto& value = attribute.value;
    const auto missing = attribute.temporary ? policy::NameStatus::temporary : policy::NameStatus::unknown;
    if (attribute.name == "NAME") {
      next.name = value.value_or("unknown");
      next.name_status = value ? policy::NameStatus::ok : missing;
      // A name that is there is the reverse one as well.
      if (value) {
        next.reverse_name = *value;
        next.reverse_status = policy::NameStatus::ok;
      }
    } else if (attribute.name == "REVERSE_NAME") {
      next.reverse_name = value.value_or("unknown");
      next.reverse_status = value ? policy::NameStatus::ok : missing;
    } else if (attribute.name == "ADDR") {
      std::string_view text = value ? std::string_view(*value) : std::string_view{};
      if (text.size() > 5 && (text.starts_with("IPV6:") || text.starts_with("IPv6:"))) text.remove_prefix(5);
      const auto ip = table::Ip::parse(text);
      if (value && !ip) return smtp::Reply{501, {5, 5, 4}, "Bad ADDR value"};
      next.address = ip ? ip->text() : "unknown";
    } else if (attribute.name == "PORT" && value) {
      const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), next.port);
      if (error != std::errc{} || end != value->data() + value->size())
        return smtp::Reply{501, {5, 5, 4}, "Bad PORT value"};
    } else if (attribute.name == "HELO") {
      next.helo = value.value_or("");
    } else if (attribute.name == "LOGIN") {
      next.sasl_user = value.value_or("");
      next.sasl_method = value ? "XCLIENT" : "";
    }
  }
  *this = std::move(next);
  return std::nullopt;
}

}  // namespace hikyaku::serve
