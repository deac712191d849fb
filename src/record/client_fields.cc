#include "record/client_fields.h"

namespace hikyaku::record {

void put(FrameWriter& out, const Client& client) {
  out.text(client.address);
  out.number(client.port);
  out.text(client.name);
  out.text(client.helo);
  out.text(client.protocol);
  out.text(client.sasl_method);
  out.text(client.sasl_user);
  out.text(client.tls_version);
  out.text(client.tls_cipher);
}

Client take_client(FrameReader& in) {
  Client client;
  client.address = in.text();
  client.port = static_cast<std::uint16_t>(in.number(UINT16_MAX));
  client.name = in.text();
  client.helo = in.text();
  client.protocol = in.text();
  client.sasl_method = in.text();
  client.sasl_user = in.text();
  client.tls_version = in.text();
  client.tls_cipher = in.text();
  return client;
}

}  // namespace hikyaku::record
