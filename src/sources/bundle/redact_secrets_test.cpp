// SPDX-License-Identifier: Apache-2.0
// Forty secrets of ten kinds, planted in every text of a snapshot: none of them is in the redacted bundle.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <functional>

#include "sources/bundle/bundle.hpp"
#include "sources/bundle/fields.hpp"
#include "sources/bundle/redact.hpp"

namespace unzap {
namespace {

const std::vector<std::string> k_secrets = {
    // addresses
    "10.20.30.40", "192.168.77.12:6443", "2001:db8::77", "fe80::5054:ff:fe12:3456%eth7", "52:54:00:ab:cd:ef",
    "00-16-3E-5D-AA-01",
    // hosts and domains
    "db01.corp.example.com", "acme-db1", "k8s-node-17.eu-west-1.compute.internal",
    "billing.acme.svc.cluster.local",
    // mail
    "bob@acme.io", "ops+pager@corp.example.org",
    // devices and volumes
    "sda17", "dm-31", "loop77", "nvme3n1p9", "nbd13", "vg_acme-lv_payroll", "nas7:/export/payroll",
    "iqn.2004-10.com.acme:storage.lun4",
    // network interfaces
    "veth9a8b7c6", "veth-acme42", "eno3np1", "cali0f1e2d3c4b5",
    // pods
    "1b4e28ba-2fa1-11d2-883f-0016d3cca427", "1b4e28ba_2fa1_11d2_883f_0016d3cca428",
    "1b4e28ba2fa111d2883f0016d3cca429", "pod1b4e28ba-2fa1-11d2-883f-0016d3cca430",
    // containers
    "c0ffee11c0ffee11c0ffee11c0ffee11c0ffee11c0ffee11c0ffee11c0ffee11",
    "cri-containerd-deadbeef00112233445566778899aabbccddeeff00112233445566778899aabb.scope",
    // paths
    "/srv/payroll/2026/salaries.xlsx", "/opt/bob/.ssh/id_ed25519", "C:\\payroll\\q3.doc", "payroll/q4.csv",
    // users
    "bob.builder", "svc-payroll", "uid=bob(1001)",
    // tokens
    "s3cr3t-token", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJib2IifQ", "AKIAIOSFODNN7EXAMPLE=="};

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

/// Whether the secret stands in the bundle's text, also in other letters or as the bundle escapes it.
bool has(const std::string& text, std::string secret) {
  if (const std::size_t port = secret.find(":6443"); port != std::string::npos) secret.resize(port);
  return lower(text).find(lower(secret)) != std::string::npos;
}

/// Offered all fields of a section by the bundle's own table: puts `text` into each that holds a text.
struct Planter {
  const std::string& text;

  void operator()(std::string_view, std::string& field) const { field = text; }
  void operator()(std::string_view, Reading<std::string>& field) const { field = text; }
  template <class T>
  void operator()(std::string_view, T&) const {}
  void mask(std::string_view, Reading<std::uint64_t>&) const {}
  void samples(std::string_view, std::vector<TaskSample>&) const {}
  void stack(std::string_view, std::string_view, Reading<Stack>& stack) const {
    stack = Stack{{{text, 1, 2, text}}, StackOrigin::hung_task, text};
  }
  void code(std::string_view, std::string_view, Reading<WaitFix>& fix) const {
    fix = WaitFix{WaitFix::Kind::none, text, {{text, 0, text, text, text}}};
  }
};

Snapshot with_texts(const std::string& text, EventKind kind) {
  Snapshot out;
  out.tasks.resize(2);
  out.events.resize(1);
  out.cgroups.resize(1);
  out.problems.resize(1);
  const Planter plant{text};
  bundle::host_fields(plant, out);
  for (Task& task : out.tasks) bundle::task_fields(plant, task);
  out.tasks[0].flags = k_pf_kthread;
  out.tasks[1].comm = std::string("other");
  bundle::event_fields(plant, out.events[0]);
  out.events[0].kind = kind;
  bundle::cgroup_fields(plant, out.cgroups[0]);
  bundle::problem_fields(plant, out.problems[0]);
  return out;
}

std::string bundle_of(const Snapshot& snapshot) {
  const auto text = write_bundle(redacted(snapshot), {.compressed = false});
  return text ? *text : text.error().text();
}

TEST(Secrets, NoneIsLeftInAnyFieldOfAnyKind) {
  ASSERT_EQ(k_secrets.size(), 40U);
  const std::vector<std::string> frames = {"{}",
                                           "waiting for {} to become free. Usage count = 2",
                                           "kworker/u8:1-{}",
                                           "[{}:1234] blocked for 120s",
                                           "tmpfs: Unknown parameter '{}'",
                                           "device={},mems=0",
                                           "/proc/12/{}",
                                           "/sys/fs/cgroup/{}/cgroup.events",
                                           "{}:17",
                                           "271 {} 0x0",
                                           "#1 SMP ({}) Debian",
                                           "6.1.0-{}-amd64",
                                           "does not come back: {}."};
  for (const std::string& secret : k_secrets)
    for (const std::string& frame : frames) {
      std::string text = frame;
      text.replace(text.find("{}"), 2, secret);
      for (const auto& kind : k_names_of<EventKind>) {
        const std::string out = bundle_of(with_texts(text, kind.value));
        ASSERT_FALSE(has(out, secret)) << secret << " in '" << text << "', " << kind.name << "\n" << out;
      }
    }
}

TEST(Secrets, NoneIsLeftWhereAllStandTogether) {
  std::string text;
  for (const std::string& secret : k_secrets) text += " " + secret + ",";
  const std::string out = bundle_of(with_texts(text, EventKind::other));
  for (const std::string& secret : k_secrets) EXPECT_FALSE(has(out, secret)) << secret;
}

TEST(Secrets, TheTestWouldFindThem) {
  for (const std::string& secret : k_secrets) {
    std::string plain = *write_bundle(with_texts(secret, EventKind::other), {.compressed = false});
    for (std::size_t at = plain.find("\\\\"); at != std::string::npos; at = plain.find("\\\\", at + 1))
      plain.erase(at, 1);
    EXPECT_TRUE(has(plain, secret)) << secret;
  }
}

}  // namespace
}  // namespace unzap
