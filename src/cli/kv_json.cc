#include "cli/kv_json.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <set>
#include <span>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/render.h"
#include "cli/text.h"
#include "cli/units.h"
#include "forelog/try.h"

namespace forelog::cli {
namespace {

using ParsedJson = nlohmann::json;

Status wrong(std::string what) { return {Code::invalid_argument, std::move(what)}; }

void append_bytes(std::string& out, std::string_view name, std::string_view bytes) {
  out += '"';
  out += name;
  if (is_utf8(bytes)) {
    out += "\":";
    append_json_string(out, bytes);
  } else {
    out += "_base64\":\"";
    append_base64(out, bytes);
    out += '"';
  }
}

// `name` or `name`_base64.
Result<std::string> take_bytes(const ParsedJson& object, const std::string& name) {
  const auto plain = object.find(name);
  const auto encoded = object.find(name + "_base64");
  const bool both = plain != object.end() && encoded != object.end();
  if (both || (plain == object.end() && encoded == object.end())) {
    return wrong("an object needs either \"" + name + "\" or \"" + name + "_base64\"");
  }
  const ParsedJson& found = plain != object.end() ? *plain : *encoded;
  if (!found.is_string()) return wrong("\"" + name + "\" is not a string");
  if (plain != object.end()) return found.get<std::string>();
  std::optional<std::string> bytes = decode_base64(found.get<std::string>());
  if (!bytes) return wrong("\"" + name + "_base64\" is not base64");
  return *std::move(bytes);
}

// Why none may be there that means nothing: a "ttl" that is passed over is a key that stays for ever.
Status check_members(const ParsedJson& object, std::string_view what,
                     std::span<const std::string_view> known) {
  for (const auto& [name, value] : object.items()) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    std::string text;
    append_json_string(text, name);
    text += " is not a member of ";
    text += what;
    text += "; these are:";
    for (const std::string_view each : known) text.append(" ").append(each);
    return wrong(std::move(text));
  }
  return {};
}

Status check_members(const ParsedJson& object, std::string_view op) {
  static constexpr std::array<std::string_view, 7> kPut = {
      "op", "key", "key_base64", "value", "value_base64", "expires", "version"};
  static constexpr std::array<std::string_view, 3> kDel = {"op", "key", "key_base64"};
  static constexpr std::array<std::string_view, 4> kRequire = {"op", "key", "key_base64",
                                                               "version"};
  if (op == "put") return check_members(object, "a put", kPut);
  if (op == "del") return check_members(object, "a del", kDel);
  if (op == "require") return check_members(object, "a require", kRequire);
  return wrong("\"op\" is none of put, del, require");
}

// Why: of two members of one name JSON lets a reader take either, and so what was meant is lost.
Result<ParsedJson> parse_once(std::string_view line) {
  std::vector<std::set<std::string>> names;  // Of the objects that are open.
  std::optional<std::string> twice;
  const auto look = [&](int /*depth*/, ParsedJson::parse_event_t event, ParsedJson& parsed) {
    if (event == ParsedJson::parse_event_t::object_start) names.emplace_back();
    if (event == ParsedJson::parse_event_t::object_end) names.pop_back();
    if (event == ParsedJson::parse_event_t::key) {
      const auto name = parsed.get<std::string>();
      if (!names.back().insert(name).second && !twice) twice = name;
    }
    return true;
  };
  ParsedJson parsed = ParsedJson::parse(line, look, false);
  if (parsed.is_discarded()) return wrong("it is not JSON");
  if (!twice) return parsed;
  std::string text;
  append_json_string(text, *twice);
  return wrong(text + " is there twice in one object");
}

Status take_put(const ParsedJson& object, const std::string& key, Timestamp now, KvBatch& batch) {
  const std::string value = FORELOG_TRY(take_bytes(object, "value"));
  const auto expires = object.find("expires");
  if (expires == object.end()) {
    batch.put(key, value);
    return {};
  }
  if (!expires->is_string()) return wrong("\"expires\" is not a string");
  const Timestamp end = FORELOG_TRY(parse_time(expires->get<std::string>(), now));
  if (end > now) {
    batch.put_until(key, value, end);
  } else {
    batch.erase(key);  // What the key had before would have been replaced, and must not come back.
  }
  return {};
}

Status take_object(const ParsedJson& object, KvLineKind kind, Timestamp now, KvBatch& batch) {
  if (!object.is_object()) return wrong("it is not a JSON object");
  const auto found = object.find("op");
  const std::string op = found == object.end() ? "put"
                         : found->is_string()  ? found->get<std::string>()
                                               : "";
  if (kind == KvLineKind::puts_only && op != "put") {
    return wrong("\"op\" is for `forelog kv DIR batch`; load takes keys with values only");
  }
  FORELOG_TRY(check_members(object, op));
  const std::string key = FORELOG_TRY(take_bytes(object, "key"));
  if (op == "put") return take_put(object, key, now, batch);
  if (op == "del") {
    batch.erase(key);
    return {};
  }
  const auto version = object.find("version");
  if (version == object.end() || !version->is_number_unsigned()) {
    return wrong("\"require\" needs a \"version\": a number, 0 for absent");
  }
  batch.require(key, Lsn(version->get<std::uint64_t>()));
  return {};
}

}  // namespace

void append_entry(std::string& out, const KvEntry& entry, bool version) {
  out += '{';
  append_bytes(out, "key", entry.key.text());
  out += ',';
  append_bytes(out, "value", entry.value.text());
  if (entry.expires) {
    out += ",\"expires\":\"";
    out += time_text(*entry.expires);
    out += '"';
  }
  if (version) {
    out += ",\"version\":";
    append_number(out, entry.version.value);
  }
  out += "}\n";
}

Status parse_kv_line(std::string_view line, KvLineKind kind, Timestamp now, KvBatch& batch) {
  const ParsedJson parsed = FORELOG_TRY(parse_once(line));
  if (!parsed.is_array()) return take_object(parsed, kind, now, batch);
  // Twice, so that a line of which one object is wrong adds none of the others.
  KvBatch tried;
  for (const ParsedJson& each : parsed) FORELOG_TRY(take_object(each, kind, now, tried));
  for (const ParsedJson& each : parsed) FORELOG_TRY(take_object(each, kind, now, batch));
  return {};
}

std::optional<std::string> decode_base64(std::string_view text) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (text.size() % 4 != 0) return std::nullopt;
  std::string bytes;
  for (; !text.empty(); text.remove_prefix(4)) {
    std::size_t digits = 4;
    if (text.size() == 4) {
      while (digits > 2 && text[digits - 1] == '=') --digits;
    }
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      const std::size_t digit = kDigits.find(text[i]);
      if (digit == std::string_view::npos) return std::nullopt;
      bits |= static_cast<std::uint32_t>(digit) << (18 - 6 * i);
    }
    // Bits that are behind the last byte are zeros, so that each string of bytes has one text.
    if ((digits == 2 && (bits & 0xffff) != 0) || (digits == 3 && (bits & 0xff) != 0)) {
      return std::nullopt;
    }
    for (std::size_t i = 0; i + 1 < digits; ++i) {
      bytes += static_cast<char>((bits >> (16 - 8 * i)) & 0xff);
    }
  }
  return bytes;
}

}  // namespace forelog::cli
