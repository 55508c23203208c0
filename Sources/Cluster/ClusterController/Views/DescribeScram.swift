import KafkaProtocol

extension MetadataImage {
    /// Which SCRAM mechanisms users have, and with how many iterations: no secrets (KIP-554).
    ///
    /// Refusals per user: DUPLICATE_RESOURCE, RESOURCE_NOT_FOUND.
    public func describeUserScramCredentials(
        _ request: DescribeUserScramCredentialsRequest
    ) -> DescribeUserScramCredentialsResponse {
        var byUser: [String: [UserScramCredentialRecord]] = [:]
        for key in security.scram.sortedKeys {
            if let credential = security.scram[key] {
                byUser[key.user, default: []].append(credential)
            }
        }
        var asked = request.users?.map(\.name) ?? []
        if asked.isEmpty { asked = byUser.keys.sorted() }
        let duplicates = Controller.duplicates(asked)
        var response = DescribeUserScramCredentialsResponse()
        response.errorMessage = nil
        for user in Set(asked).sorted() {
            var result = DescribeUserScramCredentialsResponse.DescribeUserScramCredentialsResult()
            result.user = user
            result.errorMessage = nil
            if duplicates.contains(user) {
                result.errorCode = KafkaError.duplicateResource.rawValue
                result.errorMessage =
                    "Cannot describe SCRAM credentials for the same user twice in a single "
                    + "request: \(user)"
            } else if let credentials = byUser[user] {
                result.credentialInfos = credentials.map {
                    .init(mechanism: $0.mechanism, iterations: $0.iterations)
                }
            } else {
                result.errorCode = KafkaError.resourceNotFound.rawValue
                result.errorMessage =
                    "Attempt to describe a user credential that does not exist: \(user)"
            }
            response.results.append(result)
        }
        return response
    }
}
