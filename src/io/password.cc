#include "io/password.h"

#include <crypt.h>
#include <gsasl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>

#include "base/base64.h"

namespace hikyaku::io {
namespace {

constexpr unsigned kMostIterations = 10'000'000;
constexpr std::size_t kSalt = 16, kMostSalt = 64;
constexpr std::size_t kSha256 = 32;

unsigned char* octets(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
const unsigned char* octets(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string hmac(std::string_view key, std::string_view text) {
  std::string mac(kSha256, '\0');
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), octets(text), text.size(), octets(mac), &size);
  return mac;
}

/// crypt(3) needs 32 KiB to work in, too much for a thread's stack, and leaves the password's traces there.
class CryptWork {
 public:
  CryptWork() : data_(std::make_unique<crypt_data>()) {}
  CryptWork(const CryptWork&) = delete;
  CryptWork& operator=(const CryptWork&) = delete;
  ~CryptWork() { OPENSSL_cleanse(data_.get(), sizeof *data_); }
  std::string_view hash(const std::string& password, const char* setting) {
    const char* hashed = crypt_r(password.c_str(), setting, data_.get());
    return hashed == nullptr || hashed[0] == '*' ? std::string_view{} : hashed;
  }

 private:
  std::unique_ptr<crypt_data> data_;
};

struct CFree {
  void operator()(char* text) const { gsasl_free(text); }
};

}  // namespace

Result<std::string> prepare_password(std::string_view password) {
  if (password.empty()) return fail(Fault::malformed, "the password is empty");
  if (password.size() > kMostPassword) {
    return fail(Fault::malformed, "the password is longer than " + std::to_string(kMostPassword) + " octets");
  }
  const auto plain = [](char c) { return c >= 0x20 && c < 0x7f; };
  if (std::ranges::all_of(password, plain)) return std::string(password);  // SASLprep leaves it as it is
  if (password.contains('\0')) return fail(Fault::malformed, "the password holds a NUL");
  std::string copy(password);
  char* raw = nullptr;
  int stringprep = 0;
  const int error = gsasl_saslprep(copy.c_str(), static_cast<Gsasl_saslprep_flags>(0), &raw, &stringprep);
  wipe(copy);
  const std::unique_ptr<char, CFree> prepared(raw);
  if (error != GSASL_OK || prepared == nullptr) {
    return fail(Fault::malformed,
                "the password is not UTF-8, or holds characters that SASLprep (RFC 4013) forbids");
  }
  std::string result(prepared.get());
  if (result.empty())
    return fail(Fault::malformed, "nothing is left of the password after SASLprep (RFC 4013)");
  return result;
}

Result<std::string> hash_password(const std::string& prepared) {
  std::array<char, CRYPT_GENSALT_OUTPUT_SIZE> setting{};
  if (crypt_gensalt_rn("$y$", 0, nullptr, 0, setting.data(), static_cast<int>(setting.size())) == nullptr) {
    return fail(Fault::permanent, "crypt(3) makes no yescrypt salt: libcrypt 4.3 or later is needed");
  }
  CryptWork work;
  const auto hash = work.hash(prepared, setting.data());
  if (hash.empty())
    return fail(Fault::permanent, "crypt(3) does not hash with yescrypt: is there memory enough?");
  return std::string(hash);
}

bool password_matches(const std::string& prepared, const std::string& hash) {
  CryptWork work;
  const auto computed = work.hash(prepared, hash.c_str());
  return !computed.empty() && computed.size() == hash.size() &&
         CRYPTO_memcmp(computed.data(), hash.data(), hash.size()) == 0;
}

ScramVerifier scram_verifier(const std::string& prepared, std::string salt, unsigned iterations) {
  ScramVerifier verifier;
  std::string salted(kSha256, '\0');
  PKCS5_PBKDF2_HMAC(prepared.data(), static_cast<int>(prepared.size()), octets(std::string_view(salt)),
                    static_cast<int>(salt.size()), static_cast<int>(iterations), EVP_sha256(),
                    static_cast<int>(kSha256), octets(salted));
  auto client_key = hmac(salted, "Client Key");
  verifier.stored_key.resize(kSha256);
  EVP_Digest(client_key.data(), client_key.size(), octets(verifier.stored_key), nullptr, EVP_sha256(),
             nullptr);
  verifier.server_key = hmac(salted, "Server Key");
  verifier.salt = std::move(salt);
  verifier.iterations = iterations;
  wipe(salted);
  wipe(client_key);
  return verifier;
}

Result<ScramVerifier> make_scram_verifier(const std::string& prepared) {
  std::string salt(kSalt, '\0');
  if (RAND_bytes(octets(salt), static_cast<int>(salt.size())) != 1) {
    return fail(Fault::temporary, "no random octets are to be had for the salt of a SCRAM verifier");
  }
  return scram_verifier(prepared, std::move(salt), kScramIterations);
}

std::string text(const ScramVerifier& verifier) {
  return std::to_string(verifier.iterations) + ":" + base64_encode(verifier.salt) + ":" +
         base64_encode(verifier.stored_key) + ":" + base64_encode(verifier.server_key);
}

Result<ScramVerifier> parse_scram_verifier(std::string_view text) {
  std::array<std::string_view, 4> fields;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto colon = text.find(':');
    fields[i] = text.substr(0, colon);
    if ((colon == std::string_view::npos) != (i + 1 == fields.size())) {
      return fail(Fault::malformed, "a SCRAM verifier has four fields, separated by ':'");
    }
    if (colon != std::string_view::npos) text.remove_prefix(colon + 1);
  }
  ScramVerifier verifier;
  const auto number = fields[0];
  const auto [end, error] =
      std::from_chars(number.data(), number.data() + number.size(), verifier.iterations);
  if (error != std::errc{} || end != number.data() + number.size() || number.front() == '0' ||
      verifier.iterations > kMostIterations) {
    return fail(Fault::malformed, "a SCRAM verifier begins with its iterations, 1 to 10000000");
  }
  auto salt = base64_decode(fields[1]);
  auto stored = base64_decode(fields[2]);
  auto server = base64_decode(fields[3]);
  if (!salt || salt->empty() || salt->size() > kMostSalt) {
    return fail(Fault::malformed, "the salt of a SCRAM verifier is 1 to 64 octets in base64");
  }
  if (!stored || !server || stored->size() != kSha256 || server->size() != kSha256) {
    return fail(Fault::malformed, "the keys of a SCRAM verifier are 32 octets in base64");
  }
  verifier.salt = std::move(*salt);
  verifier.stored_key = std::move(*stored);
  verifier.server_key = std::move(*server);
  return verifier;
}

void wipe(std::string& secret) {
  OPENSSL_cleanse(secret.data(), secret.size());
  secret.clear();
}

}  // namespace hikyaku::io
